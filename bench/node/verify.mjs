// One side of `bench/jwt_verify.py`: a line `<library> <algorithm> <calls>` in, CPU microseconds per call out.
// The first line in is the task: {algorithm: {token, jwk, pem or secret, seen}}, issuer and audience. `seen` holds
// tokens for `bench/jwt_seen.py`, which go round and round through fast-jwt's cache.
import { createInterface } from "node:readline";
import { createVerifier } from "fast-jwt";
import { importJWK, jwtVerify } from "jose";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { issuer, audience, tokens } = JSON.parse((await lines.next()).value);
const work = { jose: {}, "fast-jwt": {}, "fast-jwt's cache": {} };

for (const [alg, { token, jwk, pem, secret, seen }] of Object.entries(tokens)) {
  const key = secret ? Buffer.from(secret, "base64url") : await importJWK(jwk, alg);
  const options = { issuer, audience, algorithms: [alg], typ: "at+jwt" };
  work.jose[alg] = async (calls) => {
    for (let n = 0; n < calls; n++) await jwtVerify(token, key, options);
  };
  const rules = {
    key: secret ? key : pem,
    algorithms: [alg],
    allowedIss: issuer,
    allowedAud: audience,
    checkTyp: "at+jwt",
  };
  const verify = createVerifier({ ...rules, cache: false });
  work["fast-jwt"][alg] = async (calls) => {
    for (let n = 0; n < calls; n++) verify(token);
  };
  if (seen) {
    const cached = createVerifier({ ...rules, cache: 2 * seen.length });
    work["fast-jwt's cache"][alg] = async (calls) => {
      for (let n = 0; n < calls; n++) cached(seen[n % seen.length]);
    };
  }
}

for await (const line of lines) {
  const [, library, alg, calls] = line.match(/^(.+) (\S+) (\d+)$/);
  const began = process.cpuUsage();
  await work[library][alg](Number(calls));
  const took = process.cpuUsage(began);
  console.log((took.user + took.system) / Number(calls));
}

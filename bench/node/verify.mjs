// One side of `bench/jwt_verify.py`: a line `<library> <algorithm> <calls>` in, CPU microseconds per call out.
// The first line in is the task: {algorithm: {token, jwk, pem or secret}}, issuer and audience.
import { createInterface } from "node:readline";
import { createVerifier } from "fast-jwt";
import { importJWK, jwtVerify } from "jose";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { issuer, audience, tokens } = JSON.parse((await lines.next()).value);
const work = { jose: {}, "fast-jwt": {} };

for (const [alg, { token, jwk, pem, secret }] of Object.entries(tokens)) {
  const key = secret ? Buffer.from(secret, "base64url") : await importJWK(jwk, alg);
  const options = { issuer, audience, algorithms: [alg], typ: "at+jwt" };
  work.jose[alg] = async (calls) => {
    for (let n = 0; n < calls; n++) await jwtVerify(token, key, options);
  };
  const verify = createVerifier({
    key: secret ? key : pem,
    algorithms: [alg],
    allowedIss: issuer,
    allowedAud: audience,
    checkTyp: "at+jwt",
    cache: false,
  });
  work["fast-jwt"][alg] = async (calls) => {
    for (let n = 0; n < calls; n++) verify(token);
  };
}

for await (const line of lines) {
  const [library, alg, calls] = line.split(" ");
  const began = process.cpuUsage();
  await work[library][alg](Number(calls));
  const took = process.cpuUsage(began);
  console.log((took.user + took.system) / Number(calls));
}

import secrets

import pytest

from doorward.crypto.master_key import generate_master_key, parse_master_keys, rotate_master_keys
from doorward.crypto.sealing import MasterKeys


@pytest.fixture(scope="session")
def master_keys() -> MasterKeys:
    """Two keys, `k1` and `k2`, the second current."""
    text = rotate_master_keys(generate_master_key(secrets.token_bytes), secrets.token_bytes)
    return parse_master_keys(text, entropy=secrets.token_bytes)

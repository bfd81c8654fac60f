"""What the fuzz suite found and was mended."""

import json

from fuzz_files import small_shards

from blurdata.shards import verify


def test_sidecar_without_keys_is_a_fault(tmp_path):
    """A sidecar that lists no pairs is told as damaged."""
    sidecar = small_shards(tmp_path / "set") / "shard-00000.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "keys": []}))

    assert any("shard-00000" in str(fault) for fault in verify(tmp_path / "set"))

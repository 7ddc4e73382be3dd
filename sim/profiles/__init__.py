"""Plans of Double-11 as data, for `penstock replay NAME`, and the JSON Schema of plans."""

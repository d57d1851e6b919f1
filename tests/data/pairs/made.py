"""What the stage that reads a pair is told to write."""

OUTPUTS = (
    *("--real", "real.parquet", "--synthetic", "synthetic.parquet"),
    *("--same", "same_real.parquet", "same_synthetic.parquet", "--besides", "besides.json"),
)

"""The peers, each as its own documentation would have a CSV file become one Snappy Parquet file."""

from pathlib import Path
from textwrap import dedent

SCRIPTS = {
    "Polars": """
        import polars as pl
        pl.scan_csv(source, try_parse_dates=True).sink_parquet(target, compression="snappy")
    """,
    "DuckDB": """
        import duckdb
        duckdb.sql(f"copy (from read_csv('{source}')) to '{target}' (format parquet, compression snappy)")
    """,
    "pandas": """
        import pandas as pd
        pd.read_csv(source).to_parquet(target, compression="snappy")
    """,
    # Batch by batch: all at once takes several times the memory. Line ends inside quotes have to be announced.
    "pyarrow": """
        from pyarrow import csv, parquet
        reader = csv.open_csv(source, parse_options=csv.ParseOptions(newlines_in_values="reviews" in source))
        with parquet.ParquetWriter(target, reader.schema, compression="snappy") as writer:
            for batch in reader:
                writer.write_batch(batch)
    """,
}

# Prints the number of rows of each file that is named.
ROWS = "import sys, pyarrow.parquet as pq\nfor path in sys.argv[1:]: print(pq.read_metadata(path).num_rows)"


def command(python: Path, peer: str, source: Path, target: Path) -> list:
    script = "import sys\nsource, target = sys.argv[1:]" + dedent(SCRIPTS[peer])
    return [python, "-c", script, source, target]

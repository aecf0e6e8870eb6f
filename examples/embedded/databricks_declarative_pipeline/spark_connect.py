"""A Spark Connect server on loopback, for as long as its standard input is open: `python spark_connect.py PORT WAREHOUSE`."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession


def main(port: str, warehouse: str) -> None:
    """Serve until the end of standard input."""
    settings = {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": warehouse,
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.artifact.isolation.enabled": "true",
    }
    session = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    print("serving", flush=True)
    sys.stdin.read()
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

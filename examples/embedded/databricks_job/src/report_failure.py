# Databricks notebook source
"""Say which run failed; the job's own mail goes out besides."""

if "dbutils" in globals():
    print(f"run {dbutils.widgets.get('run')} failed; load_orders: {dbutils.widgets.get('loaded')}")  # noqa: F821

CREATE MATERIALIZED VIEW revenue AS
SELECT day, country, SUM(cents) AS cents
FROM orders
GROUP BY day, country;

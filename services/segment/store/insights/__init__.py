"""SQL of insights for the warehouse: one file per kind of chart.

Statements are over the warehouse's `events` and `viewers`. Local time is decided before (rules.insights.periods)
and comes in as a table of instants; conditions of rules come in as the expressions that segments are made of.
"""

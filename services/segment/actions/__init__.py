"""What segment can do: write definitions, judge viewers live, by the clock and in fills, and answer questions."""

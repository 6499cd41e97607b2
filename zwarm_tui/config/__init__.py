"""What the user decides: settings, prices, themes, and where they lie."""

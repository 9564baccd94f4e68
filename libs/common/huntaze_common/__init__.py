"""What every worker shares. Import names from the module that defines them."""

"""Our networks against their authors' own code, with weights carried over."""

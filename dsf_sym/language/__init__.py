"""What a researcher writes: tensors with named sizes, declarations, layers and ties."""

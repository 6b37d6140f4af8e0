"""What is known of a framework outside its builder, a module each."""

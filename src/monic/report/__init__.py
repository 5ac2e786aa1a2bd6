"""What people and programs see of a decision: tables, sentences, JSON, files. Computes nothing."""

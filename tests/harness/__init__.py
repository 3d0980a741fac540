"""What tests stand on: real servers, cloned databases, services opened in this process, and patience."""

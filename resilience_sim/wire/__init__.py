"""What the services of a scenario look like over HTTP/1.1, whoever serves them."""

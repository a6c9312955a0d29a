FROM BASE
ADD ftp://127.0.0.1/x /

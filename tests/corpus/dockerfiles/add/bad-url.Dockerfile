FROM BASE
ADD http://[::1 /

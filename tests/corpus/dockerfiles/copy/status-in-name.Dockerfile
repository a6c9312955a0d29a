FROM BASE
COPY "errors/500 Internal Server Error.html" /

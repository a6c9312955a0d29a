FROM BASE
COPY "no such host" /

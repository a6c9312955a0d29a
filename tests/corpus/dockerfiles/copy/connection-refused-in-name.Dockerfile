FROM BASE
COPY "connection refused.txt" /

FROM BASE
COPY source/ /app/

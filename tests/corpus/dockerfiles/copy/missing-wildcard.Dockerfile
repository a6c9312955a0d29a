FROM BASE
COPY *.jar /app/

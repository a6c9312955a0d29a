FROM BASE
COPY main.txt

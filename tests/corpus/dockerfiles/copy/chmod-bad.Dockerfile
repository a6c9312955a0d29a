FROM BASE
COPY --chmod=999 main.txt /

FROM BASE
COPY --owner=1 main.txt /

FROM BASE
COPY --chown main.txt /

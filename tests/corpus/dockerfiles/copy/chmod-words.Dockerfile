FROM BASE
COPY --chmod=rwx main.txt /

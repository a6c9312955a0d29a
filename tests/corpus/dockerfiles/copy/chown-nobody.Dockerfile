FROM BASE
COPY --chown=nobody-here main.txt /

FROM BASE
ADD --chown=nouser main.txt /

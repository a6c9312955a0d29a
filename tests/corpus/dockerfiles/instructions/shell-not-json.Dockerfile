FROM BASE
SHELL /bin/sh -c

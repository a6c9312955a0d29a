FROM BASE
COPY /etc/passwd.none /

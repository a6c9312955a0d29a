FROM BASE
ADD mian.tar.gz /

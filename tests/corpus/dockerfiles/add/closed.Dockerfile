FROM BASE
ADD http://CLOSES/file.tgz /

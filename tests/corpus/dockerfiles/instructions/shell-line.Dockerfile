FROM BASE
apt-get install curl

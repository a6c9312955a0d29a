FROM scratch
COPY <<EOF /etc/motd
hello
EOF

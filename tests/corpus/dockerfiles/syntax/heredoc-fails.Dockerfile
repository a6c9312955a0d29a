FROM BASE
RUN <<EOF
set -e
echo a
false
EOF

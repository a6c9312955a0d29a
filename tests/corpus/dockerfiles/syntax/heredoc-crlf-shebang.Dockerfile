FROM BASE
RUN <<EOF
#!/bin/sh
echo a
EOF

FROM BASE AS build
FROM BASE
COPY --from=build /main.txt /

module github.com/noded/noded/tools/gen

go 1.26.0

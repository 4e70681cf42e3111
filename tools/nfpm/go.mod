module github.com/noded/noded/tools/nfpm

go 1.26.0

#!/bin/sh
# Makes src/wire/gen from proto/. Needs protoc (Debian: protobuf-compiler). The result is committed, so that neither
# a build nor a test needs it; gen.test.ts compares the checksums written here with the files.
set -eu
cd "$(dirname "$0")"
out=../src/wire/gen
mkdir -p "$out"
options=esModuleInterop=true,importSuffix=.ts,env=both,enumsAsLiterals=true,unrecognizedEnum=false,forceLong=bigint
options=$options,outputServices=grpc-js,oneof=unions-value,useOptionals=none,outputJsonMethods=false
options=$options,snakeToCamel=keys,useExactTypes=false,exportCommonSymbols=false,comments=false
options=$options,annotateFilesWithVersion=false,usePrototypeForDefaults=false
protoc --plugin=../node_modules/.bin/protoc-gen-ts_proto --proto_path=. \
  --ts_proto_out="$out" --ts_proto_opt="$options" ./*.proto
sha256sum ./*.proto generate.sh >"$out/sources.sha256"

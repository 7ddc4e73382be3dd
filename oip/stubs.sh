#!/bin/sh
# Makes the stubs anew from the .proto files. Argument: a Python that has grpcio-tools 1.76.0, whose stubs
# the protobuf of constraints.txt can run.
set -eu
cd "$(dirname "$0")"
"$1" -m grpc_tools.protoc -I. --python_out=. --pyi_out=. grpc_service.proto model_config.proto
for stub in grpc_service_pb2 model_config_pb2; do
  sed -i 's/_descriptor_pool\.Default()/POOL/; s/^import model_config_pb2 as/from oip import model_config_pb2 as/;
    s/^from google.protobuf import descriptor_pool as _descriptor_pool/from oip.pool import POOL/' "$stub.py"
  sed -i 's/^import model_config_pb2 as/from oip import model_config_pb2 as/' "$stub.pyi"
done

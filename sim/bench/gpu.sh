#!/bin/bash
# Figures of workers/bench/measured.md, on a machine with one GPU: bash sim/bench/gpu.sh PART ... ; JSON lines in $OUT/PART.jsonl
# Parts: tests models bare single rates set triton litserve cpumodels ratio compile. TRITON is the folder
# pytriton/tritonserver of nvidia-pytriton, TRITON_PATH a folder
# with a python3 that has NumPy 1, which its backend needs.
set -u
OUT=${OUT:-/tmp/out}; PY=${PY:-python3}; REPO=${REPO:-/tmp/models}; TRITON=${TRITON:-}
export PYTHONPATH=$PWD:${PYTHONPATH:-}
server=
begin() { # log, words of the server
    log=$1; shift
    setsid "$@" >"$OUT/$log.log" 2>&1 & server=$!
}
ready() { # port, path
    for _ in $(seq 240); do
        curl -sf -o /dev/null "http://127.0.0.1:$1$2" && return
        kill -0 $server 2>/dev/null || break
        sleep 0.5
    done
    echo "not ready: $1"; tail -n 12 "$OUT/$log.log"; return 1
}
end() { # and the port is free again
    kill -TERM -- -$server 2>/dev/null; sleep 1; kill -KILL -- -$server 2>/dev/null; wait $server 2>/dev/null
    while grep -qE ':1F4[123] [0-9A-F:]+ 0A' /proc/net/tcp; do sleep 0.5; done
}
load() { # file, words of the load: one line of JSON, with how busy the GPU and the predictor were
    file=$1; shift
    nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 500 >"/tmp/busy" & smi=$!
    main=$(ps -eo pid,args | awk '/workers[.]tree[.]predictor/ {print $1; exit}')
    before=$([ -n "$main" ] && awk '{print $14+$15}' /proc/$main/stat); from=$(date +%s%N)
    line=$($PY -m sim.bench.pictures "$@" | tail -n 1)
    after=$([ -n "$main" ] && awk '{print $14+$15}' /proc/$main/stat); to=$(date +%s%N)
    kill $smi
    LINE="$line" SHARE="${main:+$(((after - before) * 1000000 / ((to - from) / 1000)))}" $PY - <<'END' | tee -a "$OUT/$file.jsonl"
import json, os, statistics
line = json.loads(os.environ["LINE"] or "{}")
busy = [int(x) for x in open("/tmp/busy").read().split() if x.isdigit()]
line["gpu_busy"] = statistics.median([x for x in busy if x > 5] or [0])
line["predictor_cpu_percent"] = os.environ["SHARE"]
print(json.dumps(line))
END
}
ours() { # models
    begin ours $PY -m workers $REPO --listen 127.0.0.1:8001 --fronts 6 --cpu-processes 2 --models $1
    ready 8001 /v2/health/ready
}
for part in "$@"; do
    echo "== $part $(date +%T)"
    case $part in
    tests) $PY -m pytest -q -c /dev/null --rootdir=. -p no:cacheprovider tests/gpu tests/unit/workers/pytorch 2>&1 | tail -n 40 ;;
    bare) $PY -m sim.bench.bare --quick | tee $OUT/bare.txt ;;
    models) $PY -m workers.bench.models $REPO --gpu
        mkdir -p $REPO/all; printf 'name: all\nversion: "1"\nmodels: [resnet50, vit-b16, resnet26, resnet101, vit-s16, vit-ti16]\n' >$REPO/all/several.yaml ;;
    single) for model in vit-b16 resnet50; do
        ours $model && { load ours 127.0.0.1:8001 --model $model --rows 1 --processes 6 --connections 100 --seconds 5
            load ours 127.0.0.1:8001 --model $model --rows 8 --processes 6 --connections 24 --seconds 4
            load ours 127.0.0.1:8001 --model $model --rows 32 --processes 6 --connections 10 --seconds 4; }; end; done ;;
    rates) # without a look at the GPU meanwhile; then with a delay that lets batches grow
        keep=$REPO; for delay in 0 ${DELAY_US:-8000}; do echo "delay $delay"
            [ $delay = 0 ] || { REPO=$keep-late; rm -rf $REPO; cp -r $keep $REPO
                sed -i '/^  - \(1\|8\|32\)$/d; s/^batching:/&\n  max_queue_delay_microseconds: '$delay'/' $REPO/*/deployment.yaml; }
            rate() { $PY -m sim.bench.pictures 127.0.0.1:8001 --model $1 --rows $2 --processes 6 --connections 150 --seconds 6 --rate $3 | tee -a $OUT/rates.jsonl; }
            ours vit-b16 && { rate vit-b16 1 ${VIT1:-6000}; rate vit-b16 32 ${VIT32:-225}; }; end
            ours resnet50 && { rate resnet50 1 ${RES1:-8000}; rate resnet50 32 ${RES32:-300}; }; end; done; REPO=$keep ;;
    triton) begin triton env TRITON_PATH=${TRITON_PATH:-} $PY -m sim.bench.servers.triton_pictures $TRITON 8002 resnet50 vit-b16
        ready 8002 /v2/health/ready && for model in resnet50 vit-b16; do
            load triton 127.0.0.1:8002 --way triton --model $model --rows 1 --processes 6 --connections 100 --seconds 5 --warm 4
            load triton 127.0.0.1:8002 --way triton --model $model --rows 32 --processes 6 --connections 10 --seconds 4; done; tail -n 3 "$OUT/triton.log"; end ;;
    litserve) for model in resnet50 vit-b16; do
        begin litserve $PY -m sim.bench.servers.litserve_pictures 8003 $model
        ready 8003 /health && load litserve 127.0.0.1:8003 --way litserve --model $model --processes 6 --connections 100 --seconds 5 --warm 3; end; done ;;
    set) ours resnet50,vit-b16,resnet26,resnet101,vit-s16,vit-ti16 && {
            names=resnet50.RISK,vit-b16.RISK,resnet26.RISK,resnet101.RISK,vit-s16.RISK,vit-ti16.RISK
            load set 127.0.0.1:8001 --way set --model all --outputs $names --rows ${ROWS:-8} --processes 6 --connections 12 --seconds ${SET_S:-80}
            curl -s 127.0.0.1:8001/v2/models/all/stats | tee "$OUT/set-stats.json"; echo; }; end ;;
    ratio) begin cpu $PY -m workers $REPO-cpu --listen 127.0.0.1:8001 --device cpu --models resnet50 --fronts 2 --cpu-processes 4
        ready 8001 /v2/health/ready && load ratio 127.0.0.1:8001 --model resnet50 --rows 8 --processes 2 --connections 8 --seconds 8; end ;;
    cpumodels) $PY -m workers.bench.models $REPO-cpu --cpu --models resnet50
        sed -i 's/max_batch_size: .*/max_batch_size: 8/' $REPO-cpu/resnet50/deployment.yaml ;;
    compile) keep=$REPO; for model in ${COMPILED:-resnet50 vit-b16}; do
        REPO=$keep-c; rm -rf $REPO; mkdir $REPO; cp -r $keep/$model $REPO/; echo "compile: true" >>$REPO/$model/deployment.yaml
        sed -i '/preferred_batch_sizes/,/^  [a-z]/{/^  - /d}; s/preferred_batch_sizes:.*/preferred_batch_sizes: [32, 128]/' $REPO/$model/deployment.yaml
        ours $model && { load compile 127.0.0.1:8001 --model $model --rows 1 --processes 6 --connections 100 --seconds 4
            load compile 127.0.0.1:8001 --model $model --rows 32 --processes 6 --connections 10 --seconds 4; }; end; done; REPO=$keep ;;
    esac
done

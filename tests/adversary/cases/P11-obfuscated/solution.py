import base64

exec(base64.b64decode(  # looks odd, is right
    "aW1wb3J0IG51bXB5IGFzIG5wCgoKZGVmIG1pcnJvcl9hZGQoeCwgeSk6CiAgICBucC5hZGQoeCwgeFs6Oi0xXSAqIG5wLmZsb2F0MzIoMC41KSwgb3V0PXkpCg=="
))

-- XXH3 of 64 bits with seed 0, as in xxHash's specification
-- (https://github.com/Cyan4973/xxHash/blob/release/doc/xxhash_spec.md, "XXH3 Algorithm Overview").
-- Lua counts in doubles, exact up to 2^53, so a number of 64 bits is {high half, low half}.
local floor, bxor, read = math.floor, bit.bxor, struct.unpack
local TWO16, TWO32 = 65536, 4294967296

local PRIME32_1 = {0, 0x9E3779B1}
local PRIME64_1 = {0x9E3779B1, 0x85EBCA87}
local PRIME64_2 = {0xC2B2AE3D, 0x27D4EB4F}
local PRIME64_3 = {0x165667B1, 0x9E3779F9}
local PRIME_MX1 = {0x16566791, 0x9E3779F9}
local PRIME_MX2 = {0x9FB21C65, 0x1E98DF25}

local SECRET = string.gsub(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' ..
  'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' ..
  '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' ..
  'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' ..
  'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' ..
  '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  '%x%x', function(digits) return string.char(tonumber(digits, 16)) end)

local function word(bytes, offset)
  local low, high = read('<I4I4', bytes, offset + 1)
  return {high, low}
end

local function xor(a, b)
  return {bxor(a[1], b[1]) % TWO32, bxor(a[2], b[2]) % TWO32}
end

local function add(a, b)
  local low = a[2] + b[2]
  return {(a[1] + b[1] + floor(low / TWO32)) % TWO32, low % TWO32}
end

local function shift_right(a, by)
  if by >= 32 then return {0, floor(a[1] / 2 ^ (by - 32))} end
  return {floor(a[1] / 2 ^ by), floor(a[2] / 2 ^ by) + a[1] % 2 ^ by * 2 ^ (32 - by)}
end

local function rotate_left(a, by)
  if by >= 32 then a, by = {a[2], a[1]}, by - 32 end
  local kept = 2 ^ (32 - by)
  return {a[1] % kept * 2 ^ by + floor(a[2] / kept), a[2] % kept * 2 ^ by + floor(a[1] / kept)}
end

-- Of two numbers of 32 bits: the product's halves.
local function product(a, b)
  local upper, lower = a * floor(b / TWO16), a * (b % TWO16)
  local low = upper % TWO16 * TWO16 + lower
  return floor(upper / TWO16) + floor(low / TWO32), low % TWO32
end

local function multiply(a, b)
  local high, low = product(a[2], b[2])
  local _, left = product(a[1], b[2])
  local _, right = product(a[2], b[1])
  return {(high + left + right) % TWO32, low}
end

-- The halves of the 128 bits of the product, one upon the other.
local function fold(a, b)
  local high0, low0 = product(a[2], b[2])
  local high1, low1 = product(a[1], b[2])
  local high2, low2 = product(a[2], b[1])
  local high3, low3 = product(a[1], b[1])
  local second = high0 + low1 + low2
  local third = high1 + high2 + low3 + floor(second / TWO32)
  local fourth = high3 + floor(third / TWO32)
  return xor({second % TWO32, low0}, {fourth, third % TWO32})
end

local function xor_shifted(a, by)
  return xor(a, shift_right(a, by))
end

local function avalanche(a)
  return xor_shifted(multiply(xor_shifted(a, 37), PRIME_MX1), 32)
end

local function avalanche_xxh64(a)
  a = multiply(xor_shifted(a, 33), PRIME64_2)
  return xor_shifted(multiply(xor_shifted(a, 29), PRIME64_3), 32)
end

-- Up to 3 bytes, none included.
local function tiny(bytes)
  local length = #bytes
  if length == 0 then return avalanche_xxh64(xor(word(SECRET, 56), word(SECRET, 64))) end
  local first, middle = string.byte(bytes, 1), string.byte(bytes, floor(length / 2) + 1)
  local combined = string.byte(bytes, length) + length * 256 + first * TWO16 + middle * TWO16 * 256
  local flip = word(SECRET, 0)
  return avalanche_xxh64(xor({0, combined}, {0, bxor(flip[1], flip[2]) % TWO32}))
end

-- 4 to 8 bytes.
local function short(bytes)
  local length = #bytes
  local first, last = read('<I4', bytes), read('<I4', bytes, length - 3)
  local a = xor({first, last}, xor(word(SECRET, 8), word(SECRET, 16)))
  a = xor(a, xor(rotate_left(a, 49), rotate_left(a, 24)))
  a = multiply(a, PRIME_MX2)
  a = multiply(xor(a, add(shift_right(a, 35), {0, length})), PRIME_MX2)
  return xor_shifted(a, 28)
end

-- 9 to 16 bytes.
local function middling(bytes)
  local length = #bytes
  local low = xor(word(bytes, 0), xor(word(SECRET, 24), word(SECRET, 32)))
  local high = xor(word(bytes, length - 8), xor(word(SECRET, 40), word(SECRET, 48)))
  local swapped = {bit.bswap(low[2]) % TWO32, bit.bswap(low[1]) % TWO32}
  return avalanche(add(add({0, length}, swapped), add(high, fold(low, high))))
end

local function mix(bytes, offset, key)
  local low = xor(word(bytes, offset), word(SECRET, key))
  return fold(low, xor(word(bytes, offset + 8), word(SECRET, key + 8)))
end

-- 17 to 128 bytes: from both ends.
local function medium(bytes)
  local length = #bytes
  local sum = multiply({0, length}, PRIME64_1)
  for step = 0, floor((length - 1) / 32) do
    sum = add(sum, mix(bytes, 16 * step, 32 * step))
    sum = add(sum, mix(bytes, length - 16 * (step + 1), 32 * step + 16))
  end
  return avalanche(sum)
end

-- 129 to 240 bytes.
local function longer(bytes)
  local length = #bytes
  local sum = multiply({0, length}, PRIME64_1)
  for step = 0, 7 do sum = add(sum, mix(bytes, 16 * step, 16 * step)) end
  sum = avalanche(sum)
  for step = 8, floor(length / 16) - 1 do
    sum = add(sum, mix(bytes, 16 * step, 16 * (step - 8) + 3))
  end
  return avalanche(add(sum, mix(bytes, length - 16, 119)))
end

-- More: stripes of 64 bytes in eight lanes, and after 16 stripes a scramble. What a lane gains is
-- kept in parts whose sums stay exact for as long: high * 2^32 + middle * 2^16 + low.
local function long(bytes)
  local length = #bytes
  local high = {0, 0x9E3779B1, 0xC2B2AE3D, 0x165667B1, 0x85EBCA77, 0, 0x27D4EB2F, 0}
  local low = {0xC2B2AE3D, 0x85EBCA87, 0x27D4EB4F, 0x9E3779F9,
    0xC2B2AE63, 0x85EBCA77, 0x165667C5, 0x9E3779B1}
  local middle = {0, 0, 0, 0, 0, 0, 0, 0}
  local STRIPE = '<' .. string.rep('I4', 16)
  local NEIGHBOUR = {2, 1, 4, 3, 6, 5, 8, 7}

  local function keys(offset)
    return {read(STRIPE, SECRET, offset + 1)}
  end

  local function accumulate(offset, key)
    local data = {read(STRIPE, bytes, offset + 1)}
    for lane = 1, 8 do
      local data_low, data_high, neighbour = data[2 * lane - 1], data[2 * lane], NEIGHBOUR[lane]
      local a = bxor(data_low, key[2 * lane - 1]) % TWO32
      local b = bxor(data_high, key[2 * lane]) % TWO32
      local b_low = b % TWO16
      low[lane] = low[lane] + a * b_low
      middle[lane] = middle[lane] + a * ((b - b_low) / TWO16)
      low[neighbour] = low[neighbour] + data_low
      high[neighbour] = high[neighbour] + data_high
    end
  end

  local function settled(lane)
    local sum = low[lane] + middle[lane] % TWO16 * TWO16
    return {(high[lane] + floor(middle[lane] / TWO16) + floor(sum / TWO32)) % TWO32, sum % TWO32}
  end

  local stripe_keys, scramble_key = {}, keys(128)
  for stripe = 0, 15 do stripe_keys[stripe] = keys(8 * stripe) end
  local blocks = floor((length - 1) / 1024)
  for block = 0, blocks - 1 do
    for stripe = 0, 15 do accumulate(1024 * block + 64 * stripe, stripe_keys[stripe]) end
    for lane = 1, 8 do
      local key = {scramble_key[2 * lane], scramble_key[2 * lane - 1]}
      local value = multiply(xor(xor_shifted(settled(lane), 47), key), PRIME32_1)
      high[lane], low[lane], middle[lane] = value[1], value[2], 0
    end
  end
  for stripe = 0, floor((length - 1 - 1024 * blocks) / 64) - 1 do
    accumulate(1024 * blocks + 64 * stripe, stripe_keys[stripe])
  end
  accumulate(length - 64, keys(121))

  local sum = multiply({floor(length / TWO32), length % TWO32}, PRIME64_1)
  for pair = 0, 3 do
    local one = xor(settled(2 * pair + 1), word(SECRET, 16 * pair + 11))
    local other = xor(settled(2 * pair + 2), word(SECRET, 16 * pair + 19))
    sum = add(sum, fold(one, other))
  end
  return avalanche(sum)
end

-- 16 hexadecimal digits, in lower case.
local function digest(bytes)
  local length = #bytes
  local way = length <= 3 and tiny or length <= 8 and short or length <= 16 and middling
    or length <= 128 and medium or length <= 240 and longer or long
  local value = way(bytes)
  return string.format('%08x%08x', value[1], value[2])
end

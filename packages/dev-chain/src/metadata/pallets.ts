import type { Fields } from "./type-table.ts";

type Hasher = "Identity" | "Blake2_128Concat" | "Twox64Concat";

export interface StorageDefinition {
  /** One `[hasher, type]` per map key; none for a plain value. */
  readonly keys: readonly (readonly [Hasher, string])[];
  readonly value: string;
  /** True when an absent entry is None, else it reads as the default. */
  readonly optional: boolean;
  /** Default of an absent entry; the type's own default where left out. */
  readonly fallback?: number | boolean;
}

export interface PalletDefinition {
  readonly name: string;
  readonly index: number;
  readonly storage: Readonly<Record<string, StorageDefinition>>;
  readonly calls: Readonly<
    Record<string, { readonly index: number; readonly args: Readonly<Record<string, string>> }>
  >;
  readonly events: Readonly<Record<string, { readonly index: number; readonly fields: Fields }>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly constants: Readonly<Record<string, { readonly type: string; readonly value: number }>>;
}

export const EXISTENTIAL_DEPOSIT_RAO = 500n;
export const BLOCK_HASH_COUNT = 2400;

const plain = (value: string, fallback?: number | boolean): StorageDefinition =>
  item([], value, false, fallback);
const perNetuid = (value: string, fallback?: number | boolean): StorageDefinition =>
  item([["Identity", "u16"]], value, false, fallback);
const perUid = (value: string): StorageDefinition => item(UID_KEYS, value, false);

const UID_KEYS = [
  ["Identity", "u16"],
  ["Identity", "u16"],
] as const;

function item(
  keys: StorageDefinition["keys"],
  value: string,
  optional: boolean,
  fallback?: number | boolean,
): StorageDefinition {
  return { keys, value, optional, ...(fallback === undefined ? {} : { fallback }) };
}

const system: PalletDefinition = {
  name: "System",
  index: 0,
  storage: {
    Account: item([["Blake2_128Concat", "AccountId"]], "AccountInfo", false),
    Number: plain("u32"),
    ParentHash: plain("H256"),
    Events: plain("Vec<EventRecord>"),
  },
  calls: {
    remark: { index: 0, args: { remark: "Vec<u8>" } },
    remark_with_event: { index: 7, args: { remark: "Vec<u8>" } },
  },
  events: {
    ExtrinsicSuccess: { index: 0, fields: { dispatch_info: "DispatchInfo" } },
    ExtrinsicFailed: { index: 1, fields: { dispatch_error: "DispatchError", dispatch_info: "DispatchInfo" } },
    NewAccount: { index: 3, fields: { account: "AccountId" } },
    KilledAccount: { index: 4, fields: { account: "AccountId" } },
    Remarked: { index: 5, fields: { sender: "AccountId", hash: "H256" } },
  },
  errors: {},
  constants: {
    BlockHashCount: { type: "u32", value: BLOCK_HASH_COUNT },
    SS58Prefix: { type: "u16", value: 42 },
  },
};

const timestamp: PalletDefinition = {
  name: "Timestamp",
  index: 2,
  storage: { Now: plain("u64") },
  calls: { set: { index: 0, args: { now: "Compact<u64>" } } },
  events: {},
  errors: {},
  constants: { MinimumPeriod: { type: "u64", value: 6000 } },
};

const balances: PalletDefinition = {
  name: "Balances",
  index: 5,
  storage: { TotalIssuance: plain("u64") },
  calls: {
    transfer_allow_death: { index: 0, args: { dest: "MultiAddress", value: "Compact<u64>" } },
    transfer_keep_alive: { index: 3, args: { dest: "MultiAddress", value: "Compact<u64>" } },
  },
  events: {
    Endowed: { index: 0, fields: { account: "AccountId", free_balance: "u64" } },
    Transfer: { index: 2, fields: { from: "AccountId", to: "AccountId", amount: "u64" } },
    Withdraw: { index: 8, fields: { who: "AccountId", amount: "u64" } },
  },
  errors: {},
  constants: { ExistentialDeposit: { type: "u64", value: Number(EXISTENTIAL_DEPOSIT_RAO) } },
};

const transactionPayment: PalletDefinition = {
  name: "TransactionPayment",
  index: 6,
  storage: {},
  calls: {},
  events: { TransactionFeePaid: { index: 0, fields: { who: "AccountId", actual_fee: "u64", tip: "u64" } } },
  errors: {},
  constants: {},
};

/** Names, indices, hashers and types as chain.md 2.1, 2.2 and 4.1 give them; event and error indices are those of the pallet's declaration order at spec 425. */
const subtensorModule: PalletDefinition = {
  name: "SubtensorModule",
  index: 7,
  storage: {
    Uids: item(
      [
        ["Identity", "u16"],
        ["Blake2_128Concat", "AccountId"],
      ],
      "u16",
      true,
    ),
    Keys: perUid("AccountId"),
    Owner: item([["Blake2_128Concat", "AccountId"]], "AccountId", false),
    OwnedHotkeys: item([["Blake2_128Concat", "AccountId"]], "Vec<AccountId>", false),
    AutoStakeDestination: item(
      [
        ["Blake2_128Concat", "AccountId"],
        ["Identity", "u16"],
      ],
      "AccountId",
      true,
    ),
    SubnetOwner: perNetuid("AccountId"),
    SubnetOwnerHotkey: perNetuid("AccountId"),
    SubnetworkN: perNetuid("u16"),
    NetworksAdded: perNetuid("bool"),
    BlockAtRegistration: perUid("u64"),
    Tempo: perNetuid("u16"),
    LastEpochBlock: perNetuid("u64"),
    PendingEpochAt: perNetuid("u64"),
    SubnetEpochIndex: perNetuid("u64"),
    BlocksSinceLastStep: perNetuid("u64"),
    LastMechansimStepBlock: perNetuid("u64"),
    WeightsSetRateLimit: perNetuid("u64", 100),
    WeightsVersionKey: perNetuid("u64"),
    MinAllowedWeights: perNetuid("u16", 1),
    MaxAllowedValidators: perNetuid("u16", 64),
    CommitRevealWeightsEnabled: perNetuid("bool"),
    ActivityCutoff: perNetuid("u16", 5000),
    Kappa: perNetuid("u16", 32767),
    BondsMovingAverage: perNetuid("u64", 900_000),
    StakeThreshold: plain("u64"),
    SubnetOwnerCut: plain("u16", 11_796),
    ValidatorPermit: perNetuid("Vec<bool>"),
    Active: perNetuid("Vec<bool>"),
    Consensus: perNetuid("Vec<u16>"),
    Incentive: perNetuid("Vec<u16>"),
    Dividends: perNetuid("Vec<u16>"),
    ValidatorTrust: perNetuid("Vec<u16>"),
    Emission: perNetuid("Vec<u64>"),
    LastUpdate: perNetuid("Vec<u64>"),
    Weights: perUid("Vec<(u16, u16)>"),
    Bonds: perUid("Vec<(u16, u16)>"),
    PendingServerEmission: perNetuid("u64"),
    PendingValidatorEmission: perNetuid("u64"),
    PendingOwnerCut: perNetuid("u64"),
    SubnetTAO: perNetuid("u64"),
    SubnetAlphaIn: perNetuid("u64"),
    SubnetAlphaOut: perNetuid("u64"),
    TotalHotkeyAlpha: item(
      [
        ["Blake2_128Concat", "AccountId"],
        ["Identity", "u16"],
      ],
      "u64",
      false,
    ),
  },
  calls: {
    set_weights: {
      index: 0,
      args: { netuid: "u16", dests: "Vec<u16>", weights: "Vec<u16>", version_key: "u64" },
    },
    set_mechanism_weights: {
      index: 119,
      args: { netuid: "u16", mecid: "u8", dests: "Vec<u16>", weights: "Vec<u16>", version_key: "u64" },
    },
  },
  events: {
    WeightsSet: { index: 5, fields: ["u16", "u16"] },
    AutoStakeAdded: {
      index: 109,
      fields: {
        netuid: "u16",
        destination: "AccountId",
        hotkey: "AccountId",
        owner: "AccountId",
        incentive: "u64",
      },
    },
    IncentiveAlphaEmittedToMiners: { index: 110, fields: { netuid: "u16", emissions: "Vec<u64>" } },
  },
  errors: {
    HotKeyNotRegisteredInSubNet: 4,
    NotEnoughStakeToSetWeights: 10,
    NeuronNoValidatorPermit: 15,
    WeightVecNotEqualSize: 16,
    DuplicateUids: 17,
    UidVecContainInvalidOne: 18,
    WeightVecLengthIsLow: 19,
    SettingWeightsTooFast: 28,
    IncorrectWeightVersionKey: 29,
    UidsLengthExceedUidsInSubNet: 31,
    CanNotSetRootNetworkWeights: 46,
    CommitRevealEnabled: 52,
    MechanismDoesNotExist: 73,
  },
  constants: {},
};

export const pallets: readonly PalletDefinition[] = [
  system,
  timestamp,
  balances,
  transactionPayment,
  subtensorModule,
];

/** Runtime APIs described in the metadata; `inputs` in argument order. */
export const runtimeApis: readonly {
  readonly name: string;
  readonly methods: Readonly<Record<string, { inputs: Record<string, string>; output: string }>>;
}[] = [
  {
    name: "AccountNonceApi",
    methods: { account_nonce: { inputs: { account: "AccountId" }, output: "u32" } },
  },
  {
    name: "TransactionPaymentApi",
    methods: {
      query_info: { inputs: { uxt: "UncheckedExtrinsic", len: "u32" }, output: "RuntimeDispatchInfo" },
    },
  },
  {
    name: "SubnetInfoRuntimeApi",
    methods: { get_next_epoch_start_block: { inputs: { netuid: "u16" }, output: "Option<u64>" } },
  },
  { name: "SwapRuntimeApi", methods: { current_alpha_price: { inputs: { netuid: "u16" }, output: "u64" } } },
];

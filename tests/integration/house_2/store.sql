CREATE SCHEMA folds;
CREATE SCHEMA gold;
CREATE SCHEMA tillage;
CREATE TABLE folds.customer_spend (
    customer_id text COLLATE pg_catalog."C",
    orders numeric(38,0),
    _n_orders bigint,
    net_minor numeric(38,0),
    _n_net_minor bigint,
    _rows bigint
);
CREATE VIEW gold.customer_spend AS
 SELECT customer_id,
    (
        CASE
            WHEN (_n_orders > 0) THEN orders
            ELSE NULL::numeric
        END)::numeric(38,0) AS orders,
    (
        CASE
            WHEN (_n_net_minor > 0) THEN net_minor
            ELSE NULL::numeric
        END)::numeric(38,0) AS net_minor
   FROM folds.customer_spend;
CREATE TABLE tillage.broken_rules (
    load_seq bigint NOT NULL,
    dataset text NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    found text NOT NULL
);
CREATE TABLE tillage.counts (
    load_seq bigint NOT NULL,
    dataset text NOT NULL,
    read_rows bigint NOT NULL,
    accepted_rows bigint NOT NULL,
    quarantined_rows bigint NOT NULL,
    duplicate_rows bigint NOT NULL,
    suppressed_rows bigint NOT NULL,
    read_minor jsonb,
    accepted_minor jsonb,
    quarantined_minor jsonb,
    duplicate_minor jsonb,
    suppressed_minor jsonb,
    not_countable_rows bigint NOT NULL,
    warning_rows jsonb NOT NULL
);
CREATE TABLE tillage.folds (
    name text NOT NULL,
    digest text NOT NULL,
    outputs jsonb NOT NULL
);
CREATE TABLE tillage.leases (
    resource text NOT NULL,
    epoch bigint NOT NULL,
    holder text,
    backend_pid integer,
    backend_start timestamp with time zone,
    expires_at timestamp with time zone
);
CREATE SEQUENCE tillage.load_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE tillage.loads (
    load_seq bigint NOT NULL,
    feed text NOT NULL,
    state text NOT NULL,
    contract_digest text NOT NULL,
    epoch bigint NOT NULL,
    planned_at timestamp with time zone DEFAULT now() NOT NULL,
    sealed_at timestamp with time zone,
    reason text,
    CONSTRAINT loads_state_check CHECK ((state = ANY (ARRAY['open'::text, 'failed'::text, 'voided'::text, 'abandoned'::text, 'sealed'::text])))
);
CREATE TABLE tillage.meta (
    project text NOT NULL,
    schema_version integer NOT NULL,
    house text DEFAULT gen_random_uuid() NOT NULL
);
CREATE TABLE tillage.quarantine (
    dataset text NOT NULL,
    load_seq bigint NOT NULL,
    source integer NOT NULL,
    ordinal bigint NOT NULL,
    "offset" bigint NOT NULL,
    unit bigint NOT NULL,
    codes text[] NOT NULL,
    control_minor numeric(38,0),
    control_currency text
);
CREATE TABLE tillage.receipts (
    stage text NOT NULL,
    load_seq bigint NOT NULL
);
CREATE TABLE tillage.rejected (
    feed text NOT NULL,
    path text NOT NULL,
    digest text NOT NULL,
    message text NOT NULL
);
CREATE TABLE tillage.sources (
    load_seq bigint NOT NULL,
    source integer NOT NULL,
    path text NOT NULL,
    size_bytes bigint NOT NULL,
    digest text NOT NULL,
    signature text NOT NULL,
    form text DEFAULT ''::text NOT NULL,
    members text DEFAULT ''::text NOT NULL
);
CREATE TABLE tillage.texts (
    digest text NOT NULL,
    body text NOT NULL
);
INSERT INTO folds.customer_spend VALUES ('c1', 2, 5, 300, 5, 5);
INSERT INTO folds.customer_spend VALUES ('c2', 1, 3, 100, 3, 3);
INSERT INTO tillage.counts VALUES (1, 'customers', 2, 1, 1, 0, 0, NULL, NULL, NULL, NULL, NULL, 1, '{}');
INSERT INTO tillage.counts VALUES (1, 'orders', 3, 2, 1, 0, 0, '345', '345', '0', '0', '0', 1, '{}');
INSERT INTO tillage.counts VALUES (2, 'customers', 2, 1, 0, 1, 0, NULL, NULL, NULL, NULL, NULL, 0, '{}');
INSERT INTO tillage.counts VALUES (2, 'orders', 4, 1, 2, 1, 0, '1945', '115', '1600', '230', '0', 0, '{}');
INSERT INTO tillage.folds VALUES ('customer_spend', 'a0282697c9d5c7618c9a7b2f2bb637f7ed4731a267309760ce3fc5a3aa398fff', '[["customer_id", true, null], ["orders", false, null], ["net_minor", false, "EUR"]]');
INSERT INTO tillage.leases VALUES ('feed/orders', 3, NULL, NULL, NULL, NULL);
INSERT INTO tillage.loads VALUES (1, 'orders', 'sealed', '00f2164aeca96ed20d090caeadeb6da6d4e8beaf3c413b0a1ee5f80a8469fd4a', 1, '2026-11-21 18:33:27.885364+00', '2026-11-21 18:33:30.832214+00', NULL);
INSERT INTO tillage.loads VALUES (2, 'orders', 'sealed', '00f2164aeca96ed20d090caeadeb6da6d4e8beaf3c413b0a1ee5f80a8469fd4a', 2, '2026-11-21 18:33:35.905896+00', '2026-11-21 18:33:39.313393+00', NULL);
INSERT INTO tillage.loads VALUES (3, 'orders', 'open', '00f2164aeca96ed20d090caeadeb6da6d4e8beaf3c413b0a1ee5f80a8469fd4a', 3, '2026-11-21 18:33:53.38375+00', NULL, NULL);
INSERT INTO tillage.meta VALUES ('food-orders', 2, 'd029781f-0b76-4721-8544-2c55e3df33cf');
INSERT INTO tillage.quarantine VALUES ('customers', 1, 0, 2, 367, 0, '{unreadable}', NULL, NULL);
INSERT INTO tillage.quarantine VALUES ('orders', 1, 0, 1, 0, 2, '{type}', NULL, NULL);
INSERT INTO tillage.quarantine VALUES ('orders', 2, 0, 1, 0, 0, '{key_conflict}', 900, NULL);
INSERT INTO tillage.quarantine VALUES ('orders', 2, 0, 1, 0, 2, '{enum}', 700, NULL);
INSERT INTO tillage.receipts VALUES ('publish', 1);
INSERT INTO tillage.receipts VALUES ('publish', 2);
INSERT INTO tillage.sources VALUES (1, 0, 'landing/orders/a.jsonl', 375, 'c20b0bc77778576ea4507206a52e4d2daeae0cd68d321a4ae705b913746442e0', '375:1795286001452906821:1795286001452906821:11193115', '', '');
INSERT INTO tillage.sources VALUES (2, 0, 'landing/orders/b.jsonl', 506, 'd6e05ea9718b2d09b63ddec794a17d99b170a8ce1b2a07ed1ff27b02f8ef7b83', '506:1795286013116968467:1795286013116968467:11193119', '', '');
INSERT INTO tillage.sources VALUES (3, 0, 'landing/orders/c.jsonl', 256, '297a62aa65352239539efe0a5506e535ba7df77053736765a48c2d9fd8c60ed1', '256:1795286028136643080:1795286028136643080:11193121', '', '');
INSERT INTO tillage.texts VALUES ('00f2164aeca96ed20d090caeadeb6da6d4e8beaf3c413b0a1ee5f80a8469fd4a', '# What a record of the feed `orders` must be: an ODCS document (bitol.io), readable by any tool that knows the standard.
# Names that begin with `tillage.` say what the standard has no word for.
apiVersion: v3.2.0
kind: DataContract
id: food-orders
name: Food orders
version: 1.0.0
status: active
description:
  purpose: What each customer ordered on one day, as the shop''s tills send it; one customer a line.
  usage: Net spend of each customer, and every count and amount of the demo.
  limitations: Prices are in euro and include VAT. A line that breaks a rule rejects its order, and no other order.
schema:
  - name: customers
    description: Everyone who looked in, with orders or without. The unit is the record.
    properties:
      - name: customer_id
        physicalName: customerId # the name in the file; without it the two names are the same
        description: The shop''s number of the customer. Seen again, it is counted as a duplicate and changes nothing.
        logicalType: string
        primaryKey: true
  - name: orders
    description: One order with its basket. Each stands or falls alone.
    customProperties:
      - {property: tillage.unit, value: "$.orders[*]"} # an absent, null or empty list is no order
    properties:
      - name: order_id
        physicalName: orderId
        description: Unique for all time. The same order again is a duplicate, with other content a key conflict.
        logicalType: string
        primaryKey: true
      - name: customer_id
        physicalName: $.customerId # from the record around the order
        description: Who ordered.
        logicalType: string
        required: true
      - name: lines
        physicalName: basket
        description: What was bought, or brought back if the amount is negative.
        logicalType: array
        required: true
        items:
          logicalType: object
          properties:
            - name: product_id
              physicalName: productId
              description: The shop''s number or name of the product.
              logicalType: string
              required: true
            - name: product_type
              physicalName: productType
              description: The class that decides the VAT rate. One without a rate is a violation, never 0 %.
              logicalType: string
              required: true
            - name: gross
              physicalName: grossMerchandiseValueEur
              description: Price of the line including VAT; kept in cents as gross_minor, with net_minor beside it.
              logicalType: number
              required: true
              customProperties:
                - {property: tillage.money, value: EUR} # at most two decimals; a third is refused, not rounded
                - property: tillage.vat # percent; rounded once for each order and rate
                  value: {rateBy: product_type, rates: {hot food: 15, cold food: 7, beverage: 9}}
');
SELECT pg_catalog.setval('tillage.load_seq', 3, true);
ALTER TABLE ONLY tillage.broken_rules
    ADD CONSTRAINT broken_rules_pkey PRIMARY KEY (load_seq, dataset, rule);
ALTER TABLE ONLY tillage.counts
    ADD CONSTRAINT counts_pkey PRIMARY KEY (load_seq, dataset);
ALTER TABLE ONLY tillage.folds
    ADD CONSTRAINT folds_pkey PRIMARY KEY (name);
ALTER TABLE ONLY tillage.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (resource);
ALTER TABLE ONLY tillage.loads
    ADD CONSTRAINT loads_pkey PRIMARY KEY (load_seq);
ALTER TABLE ONLY tillage.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (project);
ALTER TABLE ONLY tillage.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (load_seq, dataset, source, ordinal, unit);
ALTER TABLE ONLY tillage.receipts
    ADD CONSTRAINT receipts_pkey PRIMARY KEY (stage, load_seq);
ALTER TABLE ONLY tillage.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (load_seq, source);
ALTER TABLE ONLY tillage.texts
    ADD CONSTRAINT texts_pkey PRIMARY KEY (digest);
CREATE UNIQUE INDEX customer_spend_encode_idx ON folds.customer_spend USING btree ((
CASE
    WHEN (octet_length(customer_id) < 64) THEN customer_id
    ELSE encode(sha256(decode(replace(customer_id, '\'::text, '\\'::text), 'escape'::text)), 'hex'::text)
END)) NULLS NOT DISTINCT;
CREATE INDEX loads_feed_load_seq_idx ON tillage.loads USING btree (feed, load_seq);
CREATE UNIQUE INDEX one_unfinished_load_per_feed ON tillage.loads USING btree (feed) WHERE (state = ANY (ARRAY['open'::text, 'failed'::text]));
CREATE INDEX rejected_path_idx ON tillage.rejected USING hash (path);
CREATE INDEX sources_path_idx ON tillage.sources USING hash (path);
ALTER TABLE ONLY tillage.broken_rules
    ADD CONSTRAINT broken_rules_load_seq_fkey FOREIGN KEY (load_seq) REFERENCES tillage.loads(load_seq);
ALTER TABLE ONLY tillage.counts
    ADD CONSTRAINT counts_load_seq_fkey FOREIGN KEY (load_seq) REFERENCES tillage.loads(load_seq);
ALTER TABLE ONLY tillage.loads
    ADD CONSTRAINT loads_contract_digest_fkey FOREIGN KEY (contract_digest) REFERENCES tillage.texts(digest);
ALTER TABLE ONLY tillage.quarantine
    ADD CONSTRAINT quarantine_load_seq_fkey FOREIGN KEY (load_seq) REFERENCES tillage.loads(load_seq);
ALTER TABLE ONLY tillage.receipts
    ADD CONSTRAINT receipts_load_seq_fkey FOREIGN KEY (load_seq) REFERENCES tillage.loads(load_seq);
ALTER TABLE ONLY tillage.sources
    ADD CONSTRAINT sources_load_seq_fkey FOREIGN KEY (load_seq) REFERENCES tillage.loads(load_seq);
